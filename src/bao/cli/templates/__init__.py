"""Files that `bao init` writes, with ``{{name}}`` and the like in them: package data, read by `bao.cli.init`."""
