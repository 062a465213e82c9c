from .agreement import Agreement as Agreement
from .agreement import agreement as agreement
from .agreement import cohen_kappa as cohen_kappa
from .answer import ExitReasons as ExitReasons
from .answer import exit_reasons as exit_reasons
from .attributable import attributable_shares as attributable_shares
from .before_leaving import before_leaving as before_leaving
from .before_leaving import mantel_haenszel as mantel_haenszel
