// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CollateralRisk, GlobalRisk, MarketRisk} from "../lib/Fields.sol";
import {IAccessPolicy} from "./IAccessPolicy.sol";

/// @notice What a parameter belongs to. GLOBAL ones have id 0.
enum Scope {
    MARKET,
    COLLATERAL,
    GLOBAL
}

/// @notice One parameter and the value it shall have.
struct Change {
    Scope scope;
    /// @dev The market's number in the oracle, or the collateral's in the vault.
    uint256 id;
    /// @dev As in `Fields`.
    uint256 field;
    uint256 value;
}

/// @notice What may be done to a parameter.
struct Rule {
    bytes32 name;
    uint256 least;
    uint256 most;
    /// @dev Greatest change at once: this share of the old value, and where that is less, `stepAbs`.
    /// Neither: fixed once listed.
    uint256 stepBps;
    uint256 stepAbs;
    /// @dev A set of bits: it has all those of `least`, none but those of `most`, and `stepAbs` of
    /// them may change at once. Fewer are tighter.
    bool bits;
    /// @dev -1 if a lower value is the tighter one, 1 if a higher one is, 0 if neither: the emergency
    /// path then never touches it.
    int8 tighter;
}

/// @title IRiskParameters
/// @notice Every number of the risk framework: within hard bounds, by steps, one step a day, by
/// governance; tightened for a while by the guardian.
interface IRiskParameters {
    event ParameterChanged(
        Scope indexed scope, uint256 indexed id, uint256 indexed field, uint256 from, uint256 to
    );
    event ParameterTightened(
        Scope indexed scope,
        uint256 indexed id,
        uint256 indexed field,
        uint256 from,
        uint256 to,
        uint256 untilS,
        address by
    );
    event EmergencyEnded(Scope indexed scope, uint256 indexed id, address by);
    event Listed(Scope indexed scope, uint256 indexed id);
    event AccessPolicyChanged(uint256 indexed market, IAccessPolicy policy);
    event GuardianChanged(address indexed from, address indexed to);

    error UnknownField(Scope scope, uint256 field);
    error NotListed(Scope scope, uint256 id);
    error AlreadyListed(Scope scope, uint256 id);
    error OutOfBounds(bytes32 name, uint256 given, uint256 least, uint256 most);
    error StepTooLarge(bytes32 name, uint256 from, uint256 to, uint256 limit);
    /// @notice The parameter changed less than a step's interval ago.
    error TooSoon(bytes32 name, uint256 nextS);
    error NotTighter(bytes32 name, uint256 from, uint256 to);
    error EmergencyTooLong(uint256 givenS, uint256 limitS);
    error EmergencyOver(uint256 givenS, uint256 nowS);
    error NotGuardian(address caller);
    /// @notice Two parameters do not go together, such as a maintenance margin not below the initial.
    error Inconsistent(bytes32 name, bytes32 other, uint256 given, uint256 limit);
    /// @notice The number means nothing in the oracle.
    error NoInstrument(uint256 market);
    /// @notice A listing gives each field of its scope once, in the order of `Fields`.
    error IncompleteListing(uint256 given, uint256 needed);
    error ListingOrder(uint256 index, uint256 field);
    error OwnershipIsKept();

    /// @notice Change parameters, each by one step. By the owner.
    function change(Change[] calldata changes) external;

    /// @notice Give a market or a collateral its first parameters. By the owner. Within bounds, not
    /// bound by steps. All of them, in the order of `Fields`. A number must mean an instrument in the
    /// oracle, and a market begins at one of the two least depths.
    function list(Scope scope, uint256 id, Change[] calldata changes) external;

    /// @notice Tighten parameters until `untilS`, a week at most; then the old ones hold again by
    /// themselves. By the guardian or the owner. What the guardian tightens ends within a week of the
    /// first such call, and for as long after that he can tighten nothing.
    function tighten(Change[] calldata changes, uint256 untilS) external;

    /// @notice End an emergency early. By the owner.
    function endEmergency(Scope scope, uint256 id) external;

    /// @notice Set who may open in a market; zero for everyone. By the owner.
    function setAccessPolicy(uint256 market, IAccessPolicy policy) external;

    function setGuardian(address guardian_) external;

    /// @notice What holds now; all zero for what is not listed.
    function marketRisk(uint256 market) external view returns (MarketRisk memory);
    function collateralRisk(uint256 collateral) external view returns (CollateralRisk memory);
    function globalRisk() external view returns (GlobalRisk memory);
    function accessPolicy(uint256 market) external view returns (IAccessPolicy);
    function guardian() external view returns (address);

    /// @notice The rule of a field, and its value now.
    function rule(Scope scope, uint256 field) external pure returns (Rule memory);
    function value(Scope scope, uint256 id, uint256 field) external view returns (uint256);
    /// @notice The value that governance gave a field: what holds when no emergency does.
    function governed(Scope scope, uint256 id, uint256 field) external view returns (uint256);
    /// @notice When a field may be changed next.
    function nextChangeS(Scope scope, uint256 id, uint256 field) external view returns (uint256);
    /// @notice Every market that was listed.
    function listedMarkets() external view returns (uint256[] memory);
}
