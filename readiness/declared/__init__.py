"""What the owner declares for one family of checks each: typed views of :attr:`readiness.target.Target.extra`.

Pure, and read by gatherers and checks alike, so that a replay judges against the same declaration. One family is one
file with a frozen dataclass and a function ``<family>_of(target)``; the schema has vouched for the shape of the data.
"""
