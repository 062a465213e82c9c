# The door of this folder: what is imported from here is public, one name a line.
from .retention_curve import RetentionCurve as RetentionCurve
from .retention_curve import retention_curve as retention_curve
