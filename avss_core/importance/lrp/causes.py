"""What takes relevance on its way, in the words of tables and pages."""

from __future__ import annotations

BIASES = "biases"
STABILISER = "epsilon"
ONE_SIGN = "one-sided"
SOFTMAX = "softmax"
OTHER = "other"

CAUSES = {
    BIASES: "biases of linear layers and norms: their share belongs to no input",
    STABILISER: "the ε of the ε-rule",
    ONE_SIGN: "outputs of linear layers without any contribution of the sign that α or β gives to",
    SOFTMAX: "the constant of the softmax's Taylor expansion (AttnLRP only)",
    OTHER: "rounding, and operations that no rule covers",
}
