"""A package of plugins, as somebody else would write it: an estimator, a method, a track and a metric."""
