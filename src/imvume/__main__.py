"""`imvume`, and `python -m imvume`."""

from imvume.cli import main

if __name__ == "__main__":
    main()
