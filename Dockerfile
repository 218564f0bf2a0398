# pgan-tf in a container. It has not been built where it was written; the tests check it with
# hadolint.
#
# For a CPU, or for NVIDIA GPUs:
#
#     docker build -t pgan-tf .
#     docker build -t pgan-tf --build-arg REQUIREMENTS=requirements-gpu.txt .
#
# Paths are relative to the folder that is mounted. With GPUs, add --gpus=all:
#
#     docker run --rm -v "$PWD:/work" pgan-tf train --data=pictures --run_dir=runs/mine
FROM python:3.13-slim-bookworm

ARG REQUIREMENTS=requirements.txt

WORKDIR /opt/pgan-tf
# The packages first: a change of the code does not install them again.
COPY requirements.txt requirements-gpu.txt ./
RUN pip install --no-cache-dir -r "$REQUIREMENTS"
COPY . .
RUN pip install --no-cache-dir --no-deps --editable .

WORKDIR /work
ENTRYPOINT ["pgan"]
CMD ["--help"]
