"""The acoustic motion driver: rules, nothing learned; the baseline that learned motion has to beat."""
