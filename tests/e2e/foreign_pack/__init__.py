"""Another Sonic pack as ComfyUI sees it: a node whose output bears the type name SONIC_PREDATA, and one without a type."""


class ForeignPreData:
    RETURN_TYPES = ("SONIC_PREDATA", "*")
    FUNCTION = "run"
    CATEGORY = "foreign"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802  ComfyUI's name
        return {"required": {}}

    def run(self):
        return {"audio": None}, {"audio": None}


NODE_CLASS_MAPPINGS = {"ForeignPreData": ForeignPreData}
