"use strict";
// Sorting and filtering. Without scripts the page is complete: nothing is hidden and all links work.
const order = new Intl.Collator("en", { numeric: true });
const number = (text) => {
  const found = /^\s*[<+]?([-−]?\d[\d.]*(?:e[-+]?\d+)?)/i.exec(text);
  return found ? Number(found[1].replace("−", "-")) : NaN;
};
const compare = (a, b) => {
  const [x, y] = [number(a), number(b)];
  if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1; // numbers before words
  return Number.isNaN(x) ? order.compare(a, b) : x - y;
};
const sort = (table, column, down) => {
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [row.cells[column].textContent.trim(), row]);
  const empty = (text) => text === "–";
  rows.sort(([a], [b]) => (empty(a) - empty(b)) || (empty(a) ? 0 : compare(a, b) * (down ? -1 : 1)));
  body.append(...rows.map(([, row]) => row));
};
for (const table of document.querySelectorAll("table.data")) {
  [...table.tHead.rows[0].cells].forEach((cell, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...cell.childNodes);
    cell.append(button);
    button.addEventListener("click", () => {
      const down = cell.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      sort(table, column, down);
    });
  });
}
const filter = document.getElementById("filter");
if (filter) {
  filter.hidden = false;
  filter.addEventListener("input", () => {
    const wanted = filter.value.trim().toLowerCase();
    let count = 0;
    for (const section of document.querySelectorAll("main > section:not(#overview)")) {
      let shown = 0;
      for (const row of section.querySelectorAll("tbody tr")) {
        row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
        shown += !row.hidden;
      }
      section.hidden = shown === 0 && wanted !== "";
      for (const block of section.querySelectorAll("details")) if (wanted) block.open = true;
      count += shown;
    }
    document.getElementById("found").textContent = wanted ? `${count} rows` : "";
  });
}
const openTarget = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target) for (const block of target.querySelectorAll("details")) block.open = true;
};
addEventListener("hashchange", openTarget);
openTarget();
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => (one.open = true)));
