"""Reports of whole-body PET/CT written by models, judged against reference reports.

The benchmark follows PET2Rep (arXiv 2508.04062): image and text in, a structured report out, scored
by the words it shares with the reference and by the uptake state it tells of each organ. What the
paper leaves open (tokens, organ names, how text becomes states, which slices) is decided here, is
configurable where it can be, and is named in every result.
"""
