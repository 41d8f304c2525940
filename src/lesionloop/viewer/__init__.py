"""The viewer: a reader corrects a study in the browser.

A session is a list of events in a small database; the mask is a function of the study and of that
list. Needs the extra ``lesionloop[serve]``, except for :mod:`lesionloop.viewer.client`.
"""
