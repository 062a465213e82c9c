# The door of this folder: what is imported from here is public, one name a line.
from .company import CompanyParameters as CompanyParameters
from .company import CompanyTruth as CompanyTruth
from .company import SimulatedCompany as SimulatedCompany
from .company import WrittenCompany as WrittenCompany
from .company import simulate_company as simulate_company
from .company import survey_items as survey_items
from .company import write_company as write_company
from .examples import EXAMPLES as EXAMPLES
from .examples import lay_out_example as lay_out_example
from .published import PUBLISHED as PUBLISHED
from .published import Published as Published
from .published import load_published as load_published
from .purchase_worlds import simulate_purchases as simulate_purchases
from .read import check_project as check_project
from .read import read_tables as read_tables
from .scanner import SCANNER_PANELS as SCANNER_PANELS
from .scanner import load_scanner_panel as load_scanner_panel
