"""The contents of an account, by the services' own lists: CloudFormation's word alone is not enough."""

from __future__ import annotations

from collections.abc import Iterable

import jmespath
from tests.integration.cloud.emulator import Emulator

# Type: client, operation, where the answer has what CloudFormation calls the physical id.
LISTS = {
    "AWS::ApiGatewayV2::Api": ("apigatewayv2", "get_apis", "Items[].ApiId"),
    "AWS::CloudWatch::Alarm": ("cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName"),
    "AWS::CloudWatch::Dashboard": ("cloudwatch", "list_dashboards", "DashboardEntries[].DashboardName"),
    "AWS::CodeBuild::Project": ("codebuild", "list_projects", "projects"),
    "AWS::EC2::InternetGateway": (
        "ec2", "describe_internet_gateways", "InternetGateways[].InternetGatewayId"
    ),
    "AWS::EC2::RouteTable": ("ec2", "describe_route_tables", "RouteTables[].RouteTableId"),
    "AWS::EC2::SecurityGroup": ("ec2", "describe_security_groups", "SecurityGroups[].GroupId"),
    "AWS::EC2::Subnet": ("ec2", "describe_subnets", "Subnets[].SubnetId"),
    "AWS::EC2::VPC": ("ec2", "describe_vpcs", "Vpcs[].VpcId"),
    "AWS::EC2::VPCEndpoint": ("ec2", "describe_vpc_endpoints", "VpcEndpoints[].VpcEndpointId"),
    "AWS::ECR::Repository": ("ecr", "describe_repositories", "repositories[].repositoryName"),
    "AWS::ECS::Cluster": ("ecs", "list_clusters", "clusterArns"),
    "AWS::ECS::TaskDefinition": ("ecs", "list_task_definitions", "taskDefinitionArns"),
    "AWS::Events::Rule": ("events", "list_rules", "Rules[].Name"),
    "AWS::IAM::ManagedPolicy": (
        "iam", "list_policies", "Policies[?!starts_with(Arn, 'arn:aws:iam::aws')].Arn"
    ),
    "AWS::IAM::Role": ("iam", "list_roles", "Roles[].RoleName"),
    "AWS::Lambda::EventSourceMapping": (
        "lambda", "list_event_source_mappings", "EventSourceMappings[].UUID"
    ),
    "AWS::Lambda::Function": ("lambda", "list_functions", "Functions[].FunctionName"),
    "AWS::Lambda::LayerVersion": ("lambda", "list_layers", "Layers[].LatestMatchingVersion.LayerVersionArn"),
    "AWS::Logs::LogGroup": ("logs", "describe_log_groups", "logGroups[].logGroupName"),
    "AWS::S3::Bucket": ("s3", "list_buckets", "Buckets[].Name"),
    "AWS::SNS::Subscription": ("sns", "list_subscriptions", "Subscriptions[].SubscriptionArn"),
    "AWS::SNS::Topic": ("sns", "list_topics", "Topics[].TopicArn"),
    "AWS::SQS::Queue": ("sqs", "list_queues", "QueueUrls"),
    "AWS::SecretsManager::Secret": ("secretsmanager", "list_secrets", "SecretList[].Name"),
    "AWS::StepFunctions::StateMachine": (
        "stepfunctions", "list_state_machines", "stateMachines[].stateMachineArn"
    ),
}  # fmt: skip
# These are properties of a resource above and have no list of their own.
PARTS = frozenset(
    {
        "AWS::ApiGatewayV2::Authorizer",
        "AWS::ApiGatewayV2::Integration",
        "AWS::ApiGatewayV2::Route",
        "AWS::ApiGatewayV2::Stage",
        "AWS::EC2::Route",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::Permission",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
    }
)


def inventory(emulator: Emulator, types: Iterable[str]) -> set[tuple[str, str]]:
    """Pairs of type and physical id."""
    found: set[tuple[str, str]] = set()
    for kind in types:
        service, operation, where = LISTS[kind]
        client = emulator.client(service)
        pages = (
            client.get_paginator(operation).paginate()
            if client.can_paginate(operation)
            else [getattr(client, operation)()]
        )
        names = [name for page in pages for name in jmespath.search(where, page) or ()]
        # Of a cluster the list gives the ARN, CloudFormation the name.
        found |= {(kind, name.rpartition(":cluster/")[2]) for name in names}
    return found
