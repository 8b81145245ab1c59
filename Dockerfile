# fpd-bench on a CPU: docs/install.md says how to build it, what it runs, and what was checked of it.
FROM python:3.11-slim
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /fpd-bench
# The packages first: they change less often than the code.
COPY constraints.txt pyproject.toml setup.py README.md LICENSE ./
COPY fpd_bench fpd_bench
COPY sweeps sweeps
COPY examples examples
RUN pip install --no-cache-dir --extra-index-url $TORCH_INDEX -c constraints.txt . \
 && rm -rf /fpd-bench/* && useradd --create-home bench
USER bench
WORKDIR /home/bench
ENTRYPOINT ["fpd-bench"]
CMD ["--help"]
