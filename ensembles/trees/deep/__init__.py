"""Grow a deep tree, node by node: what a member of a bag is.

The rows in the bag are copied once into records, and each split moves a node's records so that
every node is one contiguous block (`parting`): each pass over a node reads memory in order, which
is why the cost of a cell is the same at ten thousand and at ten million rows.

`growing` is the walk. A new node is summed up (`totals`); of two children the histograms are kept
where that pays (`keeping`); a node that may split is searched (`searching`), in a way that suits
its size and what its columns hold (`choosing`, `looking`); a split worth making waits on the
frontier (`frontier`). `desk` holds the arrays all this works in, `settings` what it is told, and
`nodes` what is known of a node.
"""

from ensembles.trees.deep.desk import desk_for
from ensembles.trees.deep.growing import grower
from ensembles.trees.deep.parting import gather
from ensembles.trees.deep.settings import GAPPED, TABULAR, USUAL, Settings

__all__ = ["GAPPED", "TABULAR", "USUAL", "Settings", "desk_for", "gather", "grower"]
