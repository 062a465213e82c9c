# The door of this folder: what is imported from here is public, one name a line.
from .company import CompanyParameters as CompanyParameters
from .company import CompanyTruth as CompanyTruth
from .company import SimulatedCompany as SimulatedCompany
from .company import simulate_company as simulate_company
from .read import check_project as check_project
from .read import read_tables as read_tables
from .scanner import SCANNER_PANELS as SCANNER_PANELS
from .scanner import load_scanner_panel as load_scanner_panel
