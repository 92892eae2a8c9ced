"""python -m ccpush: the same as the command."""

from ccpush.cli import main

if __name__ == "__main__":
    main()
