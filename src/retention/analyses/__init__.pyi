# The door of this folder: what is imported from here is public, one name a line.
from .customer_value import CustomerValue as CustomerValue
from .customer_value import customer_value as customer_value
from .retention_curve import RetentionCurve as RetentionCurve
from .retention_curve import retention_curve as retention_curve
from .trade_bridge import BRIDGE as BRIDGE
from .trade_bridge import TwoPeriods as TwoPeriods
from .trade_bridge import trade_bridge as trade_bridge
from .trade_bridge import two_periods as two_periods
