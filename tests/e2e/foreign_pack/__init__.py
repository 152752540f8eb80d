"""Another pack as ComfyUI sees it: a node whose output bears the type name SONIC_PREDATA, and one without a type; one that makes lists."""


class ForeignPreData:
    RETURN_TYPES = ("SONIC_PREDATA", "*")
    FUNCTION = "run"
    CATEGORY = "foreign"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802  ComfyUI's name
        return {"required": {}}

    def run(self):
        return {"audio": None}, {"audio": None}


class ForeignParts:
    """A recording in two parts, as a list."""

    RETURN_TYPES, OUTPUT_IS_LIST = ("AUDIO",), (True,)
    FUNCTION = "run"
    CATEGORY = "foreign"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802  ComfyUI's name
        return {"required": {"audio": ("AUDIO",)}}

    def run(self, audio):
        rate, whole = audio["sample_rate"], audio["waveform"]
        return ([{"waveform": part, "sample_rate": rate} for part in (whole[..., :rate], whole[..., rate : 3 * rate])],)


NODE_CLASS_MAPPINGS = {"ForeignPreData": ForeignPreData, "ForeignParts": ForeignParts}
