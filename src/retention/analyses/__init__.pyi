# The door of this folder: what is imported from here is public, one name a line.
from .core_customers import CoreCustomers as CoreCustomers
from .core_customers import core_customers as core_customers
from .core_customers import dismissal_candidates as dismissal_candidates
from .core_traits import TRAITS as TRAITS
from .core_traits import Trait as Trait
from .core_traits import core_index as core_index
from .core_traits import core_traits as core_traits
from .customer_value import CustomerValue as CustomerValue
from .customer_value import customer_value as customer_value
from .retention_curve import RetentionCurve as RetentionCurve
from .retention_curve import retention_curve as retention_curve
from .trade_bridge import BRIDGE as BRIDGE
from .trade_bridge import TwoPeriods as TwoPeriods
from .trade_bridge import trade_bridge as trade_bridge
from .trade_bridge import two_periods as two_periods
