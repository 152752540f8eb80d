"""`python FOLDER_OF_THIS_PACK download sonic`: the command line for Pythons that find no module beside them, as ComfyUI's portable one."""

from sonic_core.cli import program

if __name__ == "__main__":
    program()
