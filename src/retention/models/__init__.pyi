# The door of this folder: what is imported from here is public, one name a line.
from .counts import RiskTable as RiskTable
from .counts import count_spells as count_spells
from .kaplan_meier import KaplanMeier as KaplanMeier
from .kaplan_meier import KaplanMeierFit as KaplanMeierFit
from .log_rank import LogRank as LogRank
from .log_rank import LogRankFit as LogRankFit
from .nelson_aalen import NelsonAalen as NelsonAalen
from .nelson_aalen import NelsonAalenFit as NelsonAalenFit
