"""Indices of the MediaPipe face mesh (468 points) that the renderer uses; every list runs from image left to image right."""

from __future__ import annotations

OUTER_UPPER_LIP = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LOWER_LIP = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
INNER_UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
MOUTH_CORNER_RIGHT, MOUTH_CORNER_LEFT = 61, 291
UPPER_LIP_INNER_MIDDLE = 13

# fmt: off
FACE_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
             136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)
# fmt: on
FOREHEAD_TOP, CHIN, NOSE_BASE = 10, 152, 2
EAR_RIGHT, EAR_LEFT = 234, 454

# Index 0 = the subject's right eye, as in Portrait.eye_contours.
UPPER_LID = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (362, 398, 384, 385, 386, 387, 388, 466, 263))
LOWER_LID = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (362, 382, 381, 380, 374, 373, 390, 249, 263))
BROW_LOWER_EDGE = ((46, 53, 52, 65, 55), (285, 295, 282, 283, 276))

# Pairs that mirror each other: their mean direction is the head's left-right axis.
MIRROR_PAIRS = (
    (33, 263),
    (133, 362),
    (61, 291),
    (234, 454),
    (172, 397),
    (58, 288),
    (93, 323),
    (46, 276),
    (50, 280),
    (98, 327),
)

CHEEKS = (50, 280, 205, 425, 101, 330, 36, 266, 118, 347)
CHEEKS_NOSE_FOREHEAD = (50, 280, 205, 425, 101, 330, 6, 197, 151, 9)
# Nasolabial folds from beside the nose to beside the mouth corner.
NASOLABIAL = ((203, 206, 216, 212), (423, 426, 436, 432))
