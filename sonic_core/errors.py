"""The one small family of errors that users meet; every message says what was given, what was expected and what to do."""


class SonicError(Exception):
    """Base of every error that this package raises on purpose."""


class AudioError(SonicError):
    """The recording cannot be used: unreadable, empty, too short."""


class SoundBufferFullError(AudioError):
    """More sound waits to be spoken than a live session holds; nothing of the piece was taken."""


class PortraitError(SonicError):
    """The picture cannot be animated: unreadable, no face, a profile."""


class NoFaceError(PortraitError):
    """The picture shows no face that the detector knows."""


class ModelMissingError(SonicError):
    """Weights are absent; the message lists every missing file with size, source and folder."""


class DurationMismatchError(SonicError):
    """The requested duration and the recording disagree by more than 0.1 s."""


class OutputError(SonicError):
    """The result cannot be written where it was asked for."""


class SettingsError(SonicError, ValueError):
    """A setting lies outside its range or contradicts another one."""


class MissingLibraryError(SonicError, ImportError):
    """A library of the operating system or a Python package, which the work needs, is not installed."""


class NotEnoughMemoryError(SonicError):
    """The machine or its limits gave less memory than the work needs."""
