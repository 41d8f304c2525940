"""A PACS over DICOMweb (DICOM PS3.18): find studies, fetch them, store objects.

What a PACS answers is checked before it is used: UIDs before they name files, sizes before the
disk is full, the identity of every instance before it counts as fetched.
"""

from lesionloop.imaging.dicomweb.fetching import READ_MODALITIES, CancelledFetchError, Fetched
from lesionloop.imaging.dicomweb.link import Limits
from lesionloop.imaging.dicomweb.pacs import Pacs
from lesionloop.imaging.dicomweb.searching import FoundStudy, Search
from lesionloop.imaging.dicomweb.storing import Refused, Stored, StoreReport

__all__ = [
    "READ_MODALITIES",
    "CancelledFetchError",
    "Fetched",
    "FoundStudy",
    "Limits",
    "Pacs",
    "Refused",
    "Search",
    "StoreReport",
    "Stored",
]
