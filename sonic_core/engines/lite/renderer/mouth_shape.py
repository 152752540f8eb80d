"""MouthShape: the mouth's own coordinates, its four lip curves, and what is known about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ....curves import smoothstep
from . import landmarks as lm
from .geometry import sample_linear, smooth_curve
from .head import HeadFrame
from .linear_light import to_lab
from .lip_line import CLOSED_GAP, LipStrip, closed_lip_line, contact_widths, open_lip_edges
from .local_frame import LocalFrame
from .parted_lips import parted_line

SAMPLES = 161  # along each lip curve

# By eye unless a measurement is named; lengths in IOD.  What a picture's lips tell about the face.
RELAXED_WIDTH, SMILE_WIDENS = 0.40, 0.12  # half width of a relaxed mouth, and what a broad smile adds
RELAXED_LIFT, SMILE_LIFTS = 0.02, 0.08  # of the corners, likewise
SMILE_SHARES = 0.5, 0.5  # what width and lift each count for
RIM_EASE = 0.02  # opening up to which the rim of parted lips fades in

# Beyond the corners the curves lean to the ears.
LEAST_TO_EAR = 0.3
LEAN = -0.5, 0.1  # range of the slope
LEAN_EASE = 0.25  # from the corner, over which the curve takes it

# The curves.
# mesh gap over which its inner corners end the tear; their share in the ends of a closed mouth
OPEN_MOUTH, CLOSED_INNER = 0.07, 0.2
LIP_FOLLOWS = 0.6  # of the seam's shift from the mesh, by a closed mouth's outer borders
LEAST_LIP = 0.05  # height of a closed lip in the middle
OPEN_CONTACT = 0.006  # added to the contact of an open mouth
CORNERS_MEET = 0.08  # half widths over which both edges meet at the corners
OUTER_SMOOTHING, LEAST_VERMILION = 3.0, 0.01  # samples, sigma; least height of an outer border over its edge

# The rectified strip in which the lip line is looked for.
LEAST_LIPS, STRIP_HEIGHT = 0.12, 1.2  # least height of both lips; of that height, above and below
FINE_UP_TO = 160  # px of mouth below which the strip has two rows per px
STRIP_MARGIN = 0.1  # of picture round it
BLUR, LEAST_BLUR, LEAST_PATCH_BLUR = 0.012, 0.45, 0.5  # sigma, and px: of the strip, of a patch of skin

# Cries: the mesh's lower lip then lies inside the mouth, its chin on the lower lip.
SURE_GAP = 0.14  # up to this opening the mesh has always followed (smiles reach it)
BELOW_LIP, BELOW_CHIN, RED_STEP = 0.08, 0.15, 0.03  # from below its lip to below its chin, and how finely
RED_LIP = 8.0  # of Lab's a above the cheeks'; cries measured 14 and 18, mouths that the mesh had followed up to 3 above that gap
LEAST_RED_LIP = 16.0  # a: overexposed cheeks are white and say nothing; the shadow of a chin below them has 10, lips of cries 22 to 40
REDDER_BELOW = 3.0  # ... and above what lies directly below its lip, where a full lip may go on


@dataclass(frozen=True)
class MouthShape:
    """Lip curves in mouth coordinates: b [SAMPLES] px at positions a, image left to right.

    upper, lower: the edges where the lips part (equal on touching lips).  outer_upper, outer_lower: vermilion borders.
    contact: px above and below the seam that belong to neither lip.  shows_inside: the picture shows something between the lips.
    wide_open: it shows enough to be used at every opening.  clarity, clarity_halves: confidence of the lip line (see lip_line).
    nose, chin: b of nose base and chin.  ear_a: a of the ears (left, right of the image), ear_b: their mean b.
    corner_lift: how far the corners lie above the middle of the lip line, IOD (a smile is positive).
    followed: the mesh has found the lower lip.  It loses the one of a cry or a wide yawn, and puts its chin there.
    """

    frame: LocalFrame
    iod: float
    a: NDArray[np.float64]
    upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    outer_upper: NDArray[np.float64]
    outer_lower: NDArray[np.float64]
    contact: tuple[float, float]
    shows_inside: bool
    wide_open: bool
    clarity: float
    clarity_halves: tuple[float, float]
    nose: float
    chin: float
    ear_a: tuple[float, float]
    ear_b: float
    corner_lift: float
    followed: bool

    @property
    def half_width(self) -> float:
        return float(self.a[-1] - self.a[0]) / 2

    @property
    def gap(self) -> NDArray[np.float64]:
        """The picture's own opening [SAMPLES], px."""
        return self.lower - self.upper

    @property
    def seam(self) -> NDArray[np.float64]:
        return (self.upper + self.lower) / 2

    @property
    def smile(self) -> float:
        """0 = relaxed, 1 = a broad smile: a wide mouth with lifted corners."""
        wide = (self.half_width / self.iod - RELAXED_WIDTH) / SMILE_WIDENS
        lifted = (self.corner_lift - RELAXED_LIFT) / SMILE_LIFTS
        of_width, of_lift = SMILE_SHARES
        return float(np.clip(of_width * np.clip(wide, 0, 1) + of_lift * np.clip(lifted, 0, 1), 0, 1))

    def relative(self, a: NDArray) -> NDArray:
        """a as a share of that side's half width: -1 at the image-left end, +1 at the right one."""
        return np.where(a < 0, a / -self.a[0], a / self.a[-1])

    def at(self, values: NDArray, a: ArrayLike) -> NDArray:
        """Curve values at positions a, constant beyond the ends."""
        return np.asarray(np.interp(np.asarray(a), self.a, values))

    def rim(self, gap: NDArray) -> NDArray:
        """1 where the picture's lips are apart (gap, px), so that their edges show a rim of what lies between them; 0 where they touch."""
        return smoothstep(gap / max(RIM_EASE * self.iod, sum(self.contact)))

    def extended(self, curve: NDArray, a: NDArray) -> NDArray:
        """A lip curve at positions a, continued beyond the corners by a line that leans to the ears."""
        value = np.interp(a, self.a, curve)
        sides = (
            (np.clip(self.a[0] - a, 0, None), curve[0], self.a[0] - self.ear_a[0]),
            (np.clip(a - self.a[-1], 0, None), curve[-1], self.ear_a[1] - self.a[-1]),
        )
        for distance, end, room in sides:
            slope = np.clip((self.ear_b - end) / max(room, LEAST_TO_EAR * self.iod), *LEAN)
            value = value + slope * distance * distance / (distance + LEAN_EASE * self.iod)
        return value


def mouth_shape(image: NDArray[np.uint8], points: NDArray[np.floating], head: HeadFrame) -> MouthShape:
    """Measure the mouth in the picture (RGB uint8) with the landmarks [468, 3] as a prior."""
    p, iod = np.asarray(points, np.float64), head.iod
    frame = _mouth_frame(p, head)

    def curve_points(indices: tuple[int, ...]) -> NDArray:
        return np.stack(frame.to_local(p[list(indices), 0], p[list(indices), 1]), 1)

    inner_upper, inner_lower = curve_points(lm.INNER_UPPER_LIP), curve_points(lm.INNER_LOWER_LIP)
    # The tear ends at the inner corners of an open mouth; on closed lips the seam is visible farther out.
    inner_share = 1.0 if (inner_lower[:, 1] - inner_upper[:, 1]).max() > OPEN_MOUTH * iod else CLOSED_INNER
    corners = curve_points((lm.MOUTH_CORNER_RIGHT, lm.MOUTH_CORNER_LEFT))
    ends = inner_share * inner_upper[[0, -1], 0] + (1 - inner_share) * corners[:, 0]
    a = np.linspace(ends[0], ends[1], SAMPLES)

    def on_grid(curve: NDArray) -> NDArray:
        return np.interp(a, curve[:, 0], curve[:, 1])

    upper, lower = on_grid(inner_upper), on_grid(inner_lower)
    outer_upper, outer_lower = on_grid(curve_points(lm.OUTER_UPPER_LIP)), on_grid(curve_points(lm.OUTER_LOWER_LIP))
    mesh_gap = (lower - upper)[SAMPLES // 4 : 3 * SAMPLES // 4].mean() / iod
    strip = _lip_strip(image, frame, a, (upper + lower) / 2, (outer_lower - outer_upper).max(), iod)
    position = np.linspace(-1, 1, SAMPLES)
    wide_open = bool(mesh_gap > CLOSED_GAP)
    if wide_open:
        line = open_lip_edges(strip, upper, lower, outer_upper, outer_lower)
    else:
        line = closed_lip_line(strip, outer_upper, outer_lower)
        if line.parted:
            line = parted_line(strip, line, upper, lower, outer_upper, outer_lower)
        seam, room = (line.upper + line.lower) / 2, LEAST_LIP * iod * (1 - position**2)
        outer_upper = np.minimum(outer_upper + LIP_FOLLOWS * line.shift, seam - room)
        outer_lower = np.maximum(outer_lower + LIP_FOLLOWS * line.shift, seam + room)
    shows_inside = wide_open or line.parted
    above, below = (w + OPEN_CONTACT * iod * wide_open for w in contact_widths(strip, line.upper, line.lower))

    middle = (line.upper + line.lower) / 2
    meeting = smoothstep((1 - np.abs(position)) / CORNERS_MEET)  # both edges meet at the corners
    upper, lower = middle + (line.upper - middle) * meeting, middle + (line.lower - middle) * meeting

    def b_of(index: int) -> float:
        return float(frame.to_local(p[index, 0], p[index, 1])[1])

    def a_of(index: int) -> float:
        return float(frame.to_local(p[index, 0], p[index, 1])[0])

    return MouthShape(
        frame=frame,
        iod=iod,
        a=a,
        upper=upper,
        lower=lower,
        outer_upper=np.minimum(smooth_curve(outer_upper, OUTER_SMOOTHING), upper - LEAST_VERMILION * iod),
        outer_lower=np.maximum(smooth_curve(outer_lower, OUTER_SMOOTHING), lower + LEAST_VERMILION * iod),
        contact=(above, below),
        shows_inside=shows_inside,
        wide_open=wide_open,
        clarity=line.clarity,
        clarity_halves=line.clarity_halves,
        nose=b_of(lm.NOSE_BASE),
        chin=b_of(lm.CHIN),
        ear_a=(a_of(lm.EAR_RIGHT), a_of(lm.EAR_LEFT)),
        ear_b=(b_of(lm.EAR_RIGHT) + b_of(lm.EAR_LEFT)) / 2,
        corner_lift=float((np.interp(0, a, middle) - (middle[0] + middle[-1]) / 2) / iod),
        followed=not (
            wide_open
            and float((lower - upper).max()) > SURE_GAP * iod
            and _lip_below(image, p, frame, a, float(np.median(outer_lower)), b_of(lm.CHIN), iod)
        ),
    )


def _lip_below(
    image: NDArray[np.uint8], p: NDArray, frame: LocalFrame, a: NDArray, lip: float, chin: float, iod: float
) -> bool:
    """Is there red as of a lip, redder than the cheeks, between the mesh's lower lip and its chin (b, px)?"""

    def redness(x: NDArray, y: NDArray) -> NDArray:
        x0, y0 = max(int(x.min()) - 4, 0), max(int(y.min()) - 4, 0)
        patch = image[y0 : max(int(y.max()) + 4, y0 + 1), x0 : max(int(x.max()) + 4, x0 + 1)]
        return sample_linear(to_lab(patch, blur=max(BLUR * iod, LEAST_PATCH_BLUR)), x - x0, y - y0)[..., 1]

    b = np.arange(lip + BELOW_LIP * iod, max(chin + BELOW_CHIN * iod, lip + 2 * BELOW_LIP * iod), RED_STEP * iod)
    below = np.median(redness(*frame.to_image(a[None, len(a) // 3 : -(len(a) // 3)], b[:, None])), axis=1)
    cheeks = redness(*(p[list(lm.CHEEKS), k][None] for k in (0, 1)))
    least = max(float(np.median(cheeks)) + RED_LIP, LEAST_RED_LIP)
    return bool(below.max() > least and below.max() > below[0] + REDDER_BELOW)


def _mouth_frame(p: NDArray, head: HeadFrame) -> LocalFrame:
    right, left = p[lm.MOUTH_CORNER_RIGHT, :2], p[lm.MOUTH_CORNER_LEFT, :2]
    along = (left - right) / np.linalg.norm(left - right)
    down = np.array([-along[1], along[0]])
    if down @ head.down[:2] < 0:
        down = -down
    return LocalFrame((right + left) / 2, along, down)


def _lip_strip(
    image: NDArray[np.uint8], frame: LocalFrame, a: NDArray, mid: NDArray, lip_height: float, iod: float
) -> LipStrip:
    lip_height = max(lip_height, LEAST_LIPS * iod)
    per_px = 2 if a[-1] - a[0] < FINE_UP_TO else 1
    offsets = np.arange(-STRIP_HEIGHT * lip_height, STRIP_HEIGHT * lip_height, 1 / per_px)
    x, y = frame.to_image(a[None, :], offsets[:, None] + mid[None, :])
    margin = int(STRIP_MARGIN * iod) + 4
    x0, y0 = np.maximum([int(x.min()) - margin, int(y.min()) - margin], 0)
    x1, y1 = int(max(x.max(), 0)) + margin, int(max(y.max(), 0)) + margin
    lab = to_lab(image[y0:y1, x0:x1], blur=max(BLUR * iod, LEAST_BLUR))
    return LipStrip(sample_linear(lab, x - x0, y - y0), offsets, mid, per_px, iod)
