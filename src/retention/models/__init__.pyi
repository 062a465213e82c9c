# The door of this folder: what is imported from here is public, one name a line.
from .counts import RiskTable as RiskTable
from .counts import count_spells as count_spells
from .k_means import KMeans as KMeans
from .k_means import KMeansFit as KMeansFit
from .kaplan_meier import KaplanMeier as KaplanMeier
from .kaplan_meier import KaplanMeierFit as KaplanMeierFit
from .log_rank import LogRank as LogRank
from .log_rank import LogRankFit as LogRankFit
from .nelson_aalen import NelsonAalen as NelsonAalen
from .nelson_aalen import NelsonAalenFit as NelsonAalenFit
from .next_product import NextProduct as NextProduct
from .next_product import NextProductFit as NextProductFit
from .partial_pooling import PartialPooling as PartialPooling
from .partial_pooling import PartialPoolingFit as PartialPoolingFit
