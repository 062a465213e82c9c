from .parameters import CompanyParameters as CompanyParameters
from .simulate import SimulatedCompany as SimulatedCompany
from .simulate import simulate_company as simulate_company
from .truth import CompanyTruth as CompanyTruth
