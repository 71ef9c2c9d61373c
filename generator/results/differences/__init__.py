"""What differs between two folders of results, or two sites: what decides, and what only informs.

Verdicts, measures, pictures, arrays, tables and films decide: where all are alike, the two are identical. Words,
parameters, versions and everything else that manifests say only inform: they tell why something changed, and alone
they change nothing. Hashes find what may differ, pixels and values say whether it does, as in pytest-mpl.
"""
