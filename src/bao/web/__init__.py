"""The script and style of our pages: package data, read by `bao.reporting`."""
