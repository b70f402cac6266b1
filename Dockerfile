# pinn-sweeps on CPUs, as a user without rights; by itself it runs the demonstration study.
#
#   docker build --tag pinn-sweeps .
#   docker run --rm --shm-size=2g --volume pinn-sweeps:/home/researcher/runs pinn-sweeps
#   docker run --rm --shm-size=2g --volume pinn-sweeps:/home/researcher/runs \
#     --volume "$PWD/my-study.yaml:/home/researcher/my-study.yaml:ro" pinn-sweeps run my-study.yaml
#
# Results stay in the volume. Ray keeps its objects in /dev/shm, for which Docker's 64 MB are too few.
# Torch's usual build for Linux brings CUDA's libraries: what pip installs is 6.6 GB then, and 2.1 GB
# with a build for CPUs. The build argument PIP_EXTRA_INDEX_URL may name an index that has these.
FROM python:3.11.14-slim-bookworm AS wheel
COPY . /source
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /source

FROM python:3.11.14-slim-bookworm
# The native backend is compiled when it is first used, for the CPU at hand.
# hadolint ignore=DL3008  # any compiler with C++17 will do
RUN apt-get update \
  && apt-get install --yes --no-install-recommends g++ \
  && rm -rf /var/lib/apt/lists/*
ARG PIP_EXTRA_INDEX_URL
COPY constraints.txt /constraints.txt
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir --constraint /constraints.txt /wheels/*.whl

RUN useradd --create-home --uid 1000 researcher \
  && install --directory --owner=researcher /home/researcher/runs
USER 1000
WORKDIR /home/researcher
ENTRYPOINT ["pinn-sweep"]
CMD ["demo"]
