from .lay_out import EXAMPLES as EXAMPLES
from .lay_out import lay_out_example as lay_out_example
from .telco import TELCO_CUTOFF as TELCO_CUTOFF
from .telco import telco_tables as telco_tables
