"""The lite engine while the sound arrives: hearing, motion and the rules of motion.py over a window that moves along."""
