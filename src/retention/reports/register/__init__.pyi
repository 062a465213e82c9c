# The door of this folder: what is imported from here is public, one name a line.
from .commands import answer_customer as answer_customer
from .commands import answer_customers as answer_customers
from .commands import question_lines as question_lines
from .page import render_register as render_register
from .published import has_register as has_register
from .published import read_register as read_register
from .published import register_of as register_of
from .published import write_register as write_register
from .sheet import customer_sheet as customer_sheet
from .spreadsheet import register_csv as register_csv
from .spreadsheet import write_register_workbook as write_register_workbook
from .terminal import list_customers as list_customers
