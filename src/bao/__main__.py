"""``python -m bao``: the command line."""

from bao.cli import main

if __name__ == "__main__":
    main()
