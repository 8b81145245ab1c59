"""The tiny pipeline, for the tests of this folder."""

from tests.tiny_pipeline import pipeline_folder

__all__ = ["pipeline_folder"]
