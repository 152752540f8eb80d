"""`python FOLDER_OF_THIS_PACK download sonic`: the command line for Pythons that find no module beside them, as ComfyUI's portable one."""

import sys

from sonic_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
