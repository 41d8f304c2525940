"""SegAnyPET as segmenter: crops around clicks, a network that decodes them, growing windows."""
