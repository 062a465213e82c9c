# The door of this folder: what is imported from here is public, one name a line.
from .cube import build_cube as build_cube
from .durations import build_durations as build_durations
from .spell_dates import SpellDates as SpellDates
from .spell_dates import build_spell_dates as build_spell_dates
from .spells import pattern_sources as pattern_sources
