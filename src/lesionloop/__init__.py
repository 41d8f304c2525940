"""Interactive lesion segmentation in whole-body PET/CT."""
