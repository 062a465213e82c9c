# The door of this folder: what is imported from here is public, one name a line.
from .data_check import check_lines as check_lines
from .data_check import check_tables as check_tables
from .data_check import exit_code as exit_code
