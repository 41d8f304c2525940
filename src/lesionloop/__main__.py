"""``python -m lesionloop``: the command line where the ``lesionloop`` script is not on the path."""

from lesionloop.cli import main

if __name__ == "__main__":  # worker processes import this module under another name
    main()
