# The door of this folder: what is imported from here is public, one name a line.
from .numbers import format_cell as format_cell
from .numbers import format_number as format_number
from .numbers import number_texts as number_texts
from .retention_curve import plot_retention_curve as plot_retention_curve
from .retention_curve import table_retention_curve as table_retention_curve
from .showing import ANSWER_MIME as ANSWER_MIME
from .showing import TABLE_MIME as TABLE_MIME
from .showing import show as show
from .theme import ACCENT as ACCENT
from .theme import GRID as GRID
from .theme import INK as INK
from .theme import MUTED as MUTED
from .theme import PALETTE as PALETTE
from .theme import describe as describe
from .theme import new_axes as new_axes
from .theme import style as style
