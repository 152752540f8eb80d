"""How good a clip is: lip-sync offset and its correction, the quality report, the witnesses they rest on."""
