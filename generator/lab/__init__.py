"""What an instructor wrote, read: one frozen, checked lab; every mistake told with file, line and key."""

from generator.lab.whole import FILLED_IN, Lab, LabFile, check_files, read_lab

__all__ = ["FILLED_IN", "Lab", "LabFile", "check_files", "read_lab"]
