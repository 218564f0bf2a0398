"""How a file says that a trained program drew its picture: XMP, and texts of PNG.

`said` is what it says, for JSON: `facts_of` has what is the same for all pictures of a generator;
`generating.marks` adds how one was drawn.
"""

import html
import json
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from pgan_tf.metrics.evaluation import weights_sha256
from pgan_tf.runs.trained import Trained
from tfrecords.pictures.kinds import encode_picture

# https://cv.iptc.org/newscodes/digitalsourcetype/: "created by an algorithm that was trained".
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
PROGRAM = f"pgan-tf {vars(sys.modules['pgan_tf'])['__version__']}"
_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about=""
  xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
  xmlns:xmp="http://ns.adobe.com/xap/1.0/"
  xmlns:pgan="urn:pgan-tf:mark:1">
<Iptc4xmpExt:DigitalSourceType>{source_type}</Iptc4xmpExt:DigitalSourceType>
<xmp:CreatorTool>{program}</xmp:CreatorTool>
<pgan:mark>{mark}</pgan:mark>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


def facts_of(trained: Trained) -> dict[str, Any]:
    """Returns what every picture of a trained generator says."""
    said = {"program": PROGRAM, "digital_source_type": SOURCE_TYPE}
    said["generator"] = weights_sha256(trained.generator)
    more = {"weights": trained.weights, "kimg": trained.kimg}
    return said | {name: value for name, value in more.items() if value not in ("", None)}


def to_json(said: Mapping[str, Any]) -> str:
    """Returns it as JSON, in one line."""
    return json.dumps(said, ensure_ascii=False)


def to_xmp(said: Mapping[str, Any]) -> str:
    """Returns it as XMP, an XML text, which PNG, WebP and JPEG can carry."""
    mark = html.escape(to_json(said), quote=False)
    return _XMP.format(source_type=SOURCE_TYPE, program=PROGRAM, mark=mark)


def to_texts(said: Mapping[str, Any]) -> dict[str, str]:
    """Returns texts for PNG, by keyword."""
    source = "drawn by a trained generator"
    return {"Software": PROGRAM, "Source": source, "pgan-tf": to_json(said)}


def png_chunks(said: Mapping[str, Any]) -> bytes:
    """Returns the same as bytes, to be put after the first `PNG_HEAD_BYTES` of any PNG file."""
    file = encode_picture(np.zeros((1, 1, 1), np.uint8), ".png", to_xmp(said), to_texts(said))
    return file[PNG_HEAD_BYTES : file.index(b"IDAT") - 4]


PNG_HEAD_BYTES = 33  # the signature, and the chunk IHDR
