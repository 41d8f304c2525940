"""Training of promptable networks; needs the extra ``train``.

`recipe` says what to train on, `sources` draw patches, `episode` plays the loop of a reader on a
patch, `trainer` runs it all, `package` turns the result into the files that a segmenter loads.
"""
