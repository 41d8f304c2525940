"""The learned segmenter: one compact network for the first pass and for every correction.

`network` runs the weights, `slabs` the whole body, `groups` finds strokes that act together,
`session` merges their corrections into the first pass, `fine_mask` brings the result to the PET's
own resolution, `advice` tells a reader where to look.
"""
