# The whole workflow in one image. This recipe has not been built or run: there was no Docker to try it
# with. Build and run it with
#   docker build --tag sharedim .
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/data" sharedim --config h5mu=cells.h5mu
# Paths count from the mounted folder; results are written there. With a GPU: --gpus all.
FROM python:3.11-slim

WORKDIR /opt/sharedim
# Before the code, so that a change to it installs nothing anew.
COPY requirements.lock ./
RUN python -m pip install --no-cache-dir --requirement requirements.lock
COPY pyproject.toml README.md LICENSE Snakefile ./
COPY config config
COPY envs envs
COPY reproduction reproduction
COPY workflow workflow
RUN python -m pip install --no-cache-dir --no-deps --no-build-isolation --editable .

# Whoever runs it need not exist in the image: what is cached goes where all may write.
ENV HOME=/tmp XDG_CACHE_HOME=/tmp/cache MPLCONFIGDIR=/tmp/matplotlib NUMBA_CACHE_DIR=/tmp/numba \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /data
ENTRYPOINT ["snakemake", "--snakefile", "/opt/sharedim/Snakefile", \
    "--workflow-profile", "/opt/sharedim/workflow/profiles/default"]
