from .parameters import CompanyParameters as CompanyParameters
from .questionnaire import survey_items as survey_items
from .simulate import SimulatedCompany as SimulatedCompany
from .simulate import simulate_company as simulate_company
from .truth import CompanyTruth as CompanyTruth
from .write import WrittenCompany as WrittenCompany
from .write import write_company as write_company
