"""The feature service of digit_image: empty, because a request carries all that the model needs.

It is registered all the same, so that a release can keep it and the catalog shows it.
"""

from feast import FeatureService

digit_image_v1 = FeatureService(
    name="digit_image_v1",
    description="What the model of digit_image looks up: nothing; the picture comes with the request",
    owner="mail-room",
    tags={"usecase": "digit_image"},
    features=[],
)
