"""From the configuration file to the relayer's own terms."""

from __future__ import annotations

from collections.abc import Iterable

from oracle.config.deployment import CommitteeConfig, DeploymentConfig, EvmChainConfig, PushConfig
from oracle.report.digest import deployment_salt
from relayer.base import Chain
from relayer.lane import Destination
from relayer.policy import PushPolicy
from relayer.tail import Committee


def committee_of(deployment: DeploymentConfig, committee: CommitteeConfig) -> Committee:
    """Return whose signatures a relayer of this deployment sends."""
    governor = bytes.fromhex(deployment.home_governor[2:])
    return Committee(
        salt=deployment_salt(deployment.network, governor, deployment.nonce),
        epoch=committee.epoch,
        members=tuple(bytes.fromhex(member[2:]) for member in committee.members),
        threshold=committee.threshold,
    )


def policy_of(push: PushConfig) -> PushPolicy:
    """Return when a market is pushed."""
    return PushPolicy(
        deviation_bps=push.deviation,
        heartbeat_ms=push.heartbeat // 1_000_000,
        confidence=push.confidence,
    )


def destination_of(chain: Chain, config: EvmChainConfig, markets: Iterable[int]) -> Destination:
    """Return a chain with its policy for these market numbers."""
    policy = policy_of(config.push)
    return Destination(chain, dict.fromkeys(markets, policy), config.poll / 1e9)
