"""A PACS: the front door of DICOMweb."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from lesionloop.imaging.dicomweb.fetching import READ_MODALITIES, Fetched, fetch
from lesionloop.imaging.dicomweb.link import Limits, Link, never
from lesionloop.imaging.dicomweb.searching import Search, search
from lesionloop.imaging.dicomweb.storing import StoreReport, store

__all__ = ["Pacs"]


def _silent(_done: int, _total: int) -> None:
    """For who does not want to know how far it is."""


class Pacs:
    """A PACS that speaks DICOMweb. Any thread may ask: each call has a connection of its own.

    Args:
        url: root of its DICOMweb services, such as https://pacs.example.org/dicom-web.
        token: bearer token, or None.
        login: "user:password" for basic authentication, or None; a token goes first.
        ca: file of certificates to trust, PEM; None: those that are known.
        timeout_s: silence that is taken for an end, s.
        limits: of what it may answer.

    Raises:
        InputError: the address, the credentials or the certificates cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        login: str | None = None,
        ca: Path | None = None,
        timeout_s: float = 30.0,
        limits: Limits | None = None,
    ) -> None:
        def connect() -> Link:
            return Link(url, token=token, login=login, ca=ca, timeout_s=timeout_s, limits=limits)

        self._connect = connect
        with connect() as link:
            self.name = link.name
            #: Whether what is sent is encrypted, or stays on this machine.
            self.is_private = link.is_private

    @classmethod
    def from_environment(cls, url: str, *, ca: Path | None = None) -> "Pacs":
        """With the credentials in the environment, where other users do not see them.

        ``LESIONLOOP_DICOMWEB_TOKEN`` is a bearer token, ``LESIONLOOP_DICOMWEB_LOGIN``
        "user:password".

        Raises:
            InputError: as of the class.
        """
        token = os.environ.get("LESIONLOOP_DICOMWEB_TOKEN")
        return cls(url, token=token, login=os.environ.get("LESIONLOOP_DICOMWEB_LOGIN"), ca=ca)

    def find(
        self,
        *,
        patient_id: str | None = None,
        patient_name: str | None = None,
        date_from: str | None = None,
        date_to: str | None = None,
        accession: str | None = None,
        modality: str | None = "PT",
        limit: int = 100,
    ) -> Search:
        """Find studies; all conditions must hold.

        Args:
            patient_id: Patient ID; ``*`` and ``?`` stand for what is not known.
            patient_name: Family^Given, or the begin of it.
            date_from: first day, YYYYMMDD or YYYY-MM-DD.
            date_to: last day.
            accession: Accession Number.
            modality: that a series of the study must have; None: any.
            limit: studies at most.

        Raises:
            InputError: something asked for cannot be asked.
            GatewayError: the PACS does not answer, or not with a list of studies.
        """
        with self._connect() as link:
            return search(
                link,
                patient_id=patient_id,
                patient_name=patient_name,
                date_from=date_from,
                date_to=date_to,
                accession=accession,
                modality=modality,
                limit=limit,
            )

    def fetch(
        self,
        study: str,
        folder: Path,
        *,
        modalities: Sequence[str] = READ_MODALITIES,
        progress: Callable[[int, int], None] = _silent,
        cancelled: Callable[[], bool] = never,
    ) -> Fetched:
        """Fetch a study into a folder, as ``<SOP Instance UID>.dcm``.

        Args:
            study: Study Instance UID.
            folder: made when it is not there; instances in it are not fetched again.
            modalities: of the series to fetch.
            progress: told how many instances of how many are there.
            cancelled: asked again and again; what has come by then stays.

        Raises:
            InputError: no such study, or none of its series is wanted.
            GatewayError: the PACS has gone, or gives something else than was asked for.
            CancelledFetchError: it was cancelled.
            OutputError: the folder cannot be written.
        """
        with self._connect() as link:
            return fetch(
                link,
                study,
                folder,
                modalities=modalities,
                progress=progress,
                cancelled=cancelled,
            )

    def store(
        self, paths: Sequence[Path], *, progress: Callable[[int, int], None] = _silent
    ) -> StoreReport:
        """Store DICOM files, one after the other; when the PACS goes the rest is not sent.

        Args:
            paths: DICOM files.
            progress: told how many of how many are done.

        Returns:
            What became of each; see :meth:`StoreReport.require_all`.

        Raises:
            InputError: one is no DICOM file; nothing has been sent then.
            GatewayError: the PACS does not answer or refuses the credentials; nothing was sent.
        """
        with self._connect() as link:
            return store(link, paths, progress=progress)
